import { registerHooks } from 'node:module'

/**
 * Preloaded (`node --import`) for the tests on the next major version of graphql: whatever package asks for `graphql`
 * or one of its parts gets `graphql17`, so that there is one copy of it and it is the new one.
 */
registerHooks({
  resolve(specifier, context, nextResolve) {
    const match = /^graphql(\/.*)?$/.exec(specifier)
    return nextResolve(match ? `graphql17${match[1] ?? ''}` : specifier, context)
  },
})
