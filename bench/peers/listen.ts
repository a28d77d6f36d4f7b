import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens on a free port and tells it to whoever started this process. */
export function listen(server: Server): void {
  server.listen(0, '127.0.0.1', () => tell((server.address() as AddressInfo).port))
}

/** From now on the process is in use; asked to stop, it ends in good order, so that a profile of it is written. */
export function tell(port: number): void {
  process.on('SIGTERM', () => process.exit())
  console.log(`listening on ${port}`)
}
