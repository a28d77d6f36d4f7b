import { createInterface } from 'node:readline'
import { lockDataDir } from '../../src/server/db/lock.ts'

// Says that it is there, locks the directory at the first line that it reads, says how that went, and stays.
console.log('there')
createInterface(process.stdin).once('line', () => {
  try {
    lockDataDir(process.argv[2]!)
    console.log('locked')
  } catch (error) {
    console.log((error as Error).message)
  }
})
