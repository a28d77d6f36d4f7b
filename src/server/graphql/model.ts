import { RequestError } from '../errors.ts'
import { toGlobalId } from '../ids.ts'
import { unlistedModel } from '../llm/models.ts'
import { isAvailable, type ModelInfo, modelKey } from '../llm/provider.ts'
import { builder, cost } from './builder.ts'
import type { GraphContext } from './context.ts'
import { ModelCapability, ModelLifecycle } from './enums.ts'
import { forwardArgs, toConnection } from './pages.ts'
import { ModelConnection, ModelRef, ProviderRef } from './refs.ts'

builder.node(ModelRef, {
  description: 'A model that can answer.',
  id: { resolve: modelKey, description: 'Opaque, URL-safe, the same for ever.' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The provider’s exact name, as `claude-sonnet-5-5`.' }),
    displayName: t.exposeString('displayName', { description: 'Name for people.' }),
    provider: t.field({
      type: ProviderRef,
      description: 'Who serves it.',
      resolve: ({ provider }) => ({ name: provider }),
    }),
    contextWindow: t.exposeInt('contextWindow', {
      nullable: true,
      description: 'Tokens that a conversation and its answer may have together; null: unknown.',
    }),
    maxOutputTokens: t.exposeInt('maxOutputTokens', {
      nullable: true,
      description: 'Tokens that an answer may have; null: unknown.',
    }),
    capabilities: t.field({
      type: [ModelCapability],
      description: 'What it can do beyond text.',
      resolve: ({ capabilities }) => [...capabilities],
    }),
    inputPricePerMTok: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'US dollars for a million tokens read; null: unknown.',
      resolve: ({ prices }) => prices?.input ?? null,
    }),
    outputPricePerMTok: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'US dollars for a million tokens written; null: unknown.',
      resolve: ({ prices }) => prices?.output ?? null,
    }),
    cachedInputPricePerMTok: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'US dollars for a million tokens read from the provider’s cache; null: unknown.',
      resolve: ({ prices }) => prices?.cacheRead ?? null,
    }),
    available: t.boolean({
      description: 'Whether it can be used; false once it is retired.',
      resolve: isAvailable,
    }),
    lifecycle: t.expose('lifecycle', {
      type: ModelLifecycle,
      description: 'How long its provider still offers it.',
    }),
    retiresAt: t.expose('retiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its provider retires it, or has; null: not announced.',
    }),
    parameters: t.field({
      type: ['String'],
      description: 'The fields of `GenerateInput` that it takes, besides `modelId`; another one is refused.',
      resolve: ({ parameters }) => [...parameters],
    }),
  }),
})

builder.node(ProviderRef, {
  description: 'A source of models.',
  id: { resolve: ({ name }) => name, description: 'Opaque, URL-safe, the same for ever.' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As `anthropic`.' }),
    displayName: t.string({
      description: 'Name for people, as `Anthropic`.',
      resolve: ({ name }, _args, { chat }) => chat.models.health(name)?.displayName ?? name,
    }),
    healthy: t.boolean({
      description: 'Whether its models could be listed when that was last tried.',
      resolve: ({ name }, _args, { chat }) => chat.models.health(name)?.healthy ?? false,
    }),
    problem: t.string({
      nullable: true,
      description: 'For people: why its models could not be listed; null where they could.',
      resolve: ({ name }, _args, { chat }) => chat.models.health(name)?.reason ?? null,
    }),
    listedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When it last listed its models; null: not yet, and those that are known of it are offered.',
      resolve: ({ name }, _args, { chat }) => chat.models.health(name)?.listedAt ?? null,
    }),
  }),
})

/** A model by `provider:name`. One that is not listed any more is still known by its name. */
export function modelOf({ chat }: GraphContext, key: string | null): ModelInfo | null {
  if (key === null) return null
  const [provider = '', ...name] = key.split(':')
  return chat.models.find(key) ?? { ...unlistedModel(provider, name.join(':')), lifecycle: 'RETIRED' }
}

builder.queryField('providers', (t) =>
  t.field({
    type: [ProviderRef],
    description:
      'Everybody whose models are offered, also who cannot be reached and has none to offer for now.',
    resolve: (_root, _args, { chat }) => chat.models.providers().map((name) => ({ name })),
  }),
)

builder.queryField('models', (t) =>
  t.field({
    type: ModelConnection,
    description: 'Models that can be named in `generate.modelId`: each provider’s own order, the demo last.',
    args: forwardArgs(t, 50),
    extensions: cost(1, 'first'),
    resolve: (_root, { first, after }, { chat }) =>
      toConnection(pageOf(chat.models.list(), first ?? 50, after ?? null)),
  }),
)

function pageOf(models: readonly ModelInfo[], first: number, after: string | null) {
  const start = after === null ? 0 : 1 + models.findIndex((model) => cursorOf(model) === after)
  if (after !== null && start === 0)
    throw new RequestError('BAD_USER_INPUT', 'Cannot page: `after` is not a cursor of this list')
  const edges = models.slice(start, start + first).map((node) => ({ cursor: cursorOf(node), node }))
  return {
    edges,
    hasNextPage: start + first < models.length,
    hasPreviousPage: start > 0,
    totalCount: async () => models.length,
  }
}

function cursorOf(model: ModelInfo): string {
  return toGlobalId('Model', modelKey(model))
}
