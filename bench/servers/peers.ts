import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Dialect } from '../load/group.ts'
import { lineWith, profiled, startProgram } from './process.ts'
import type { Surroundings, Target } from './target.ts'

const folder = join(import.meta.dirname, '../peers')

/** What Parley is compared with: a program in bench/peers each, and where and how it is spoken to. */
const peers = {
  'raw-ws': { dialect: 'raw-ws', path: '/' },
  yoga: { dialect: 'graphql', path: '/graphql' },
  mercurius: { dialect: 'graphql', path: '/graphql' },
  apollo: { dialect: 'graphql', path: '/graphql' },
  'ai-sdk': { dialect: 'ai-sdk', path: '/' },
} satisfies Record<string, { dialect: Dialect; path: string }>

export type PeerName = keyof typeof peers

export const peerNames = Object.keys(peers) as readonly PeerName[]

/** Brings the packages of the peers, the first time. */
export function installPeers(): void {
  if (existsSync(join(folder, 'node_modules'))) return
  console.log('Installing what Parley is compared with …')
  execFileSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: folder, stdio: 'inherit' })
}

export async function startPeer({ upstreamUrl, profile }: Surroundings, name: PeerName): Promise<Target> {
  const { dialect, path } = peers[name]
  const program = startProgram(process.execPath, [join(folder, `${name}.ts`)], {
    NODE_ENV: 'production',
    NODE_NO_WARNINGS: '1',
    ANTHROPIC_BASE_URL: upstreamUrl,
    ...(profile && profiled(name)),
  })
  const port = await lineWith(program, /listening on (\d+)/)
  return { ...program, name, dialect, url: `http://127.0.0.1:${port}${path}`, databasePid: null }
}
