import { makePlace, type ParleyName, parleyNames, startParley } from '../servers/parley.ts'
import { type PeerName, peerNames, startPeer } from '../servers/peers.ts'
import type { Target } from '../servers/target.ts'
import type { Bench } from './scenario.ts'

/** Started servers, ended together. */
export type Targets = AsyncDisposable & { readonly targets: readonly Target[] }

/** Starts those of the peers and of Parley on both databases that are wanted. */
export async function startTargets(bench: Bench, peers: readonly PeerName[] = peerNames): Promise<Targets> {
  await using stack = new AsyncDisposableStack()
  const targets: Target[] = []
  for (const name of bench.wanted(peers)) targets.push(stack.use(await startPeer(bench, name)))
  for (const name of bench.wanted(parleyNames)) targets.push(await startOn(name, bench, stack))
  const started = stack.move()
  return { targets, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

async function startOn(name: ParleyName, bench: Bench, stack: AsyncDisposableStack): Promise<Target> {
  const place = stack.use(await makePlace(name))
  return stack.use(await startParley(bench, name, place))
}
