import { useEffect, useMemo, useState } from 'react'
import { useQuery } from 'urql'
import type { ModelFieldsFragment } from '../graphql/graphql.ts'
import { graphql } from '../graphql/index.ts'
import { readStored, store } from '../storage.ts'

graphql(`
  fragment ModelFields on Model {
    id
    name
    displayName
    available
    lifecycle
    inputPricePerMTok
    outputPricePerMTok
    provider { id name displayName problem }
  }
`)

const modelsQuery = graphql(`
  query Models($after: String) {
    models(first: 100, after: $after) { nodes { ...ModelFields } pageInfo { hasNextPage endCursor } }
    providers { id displayName problem }
    serverInfo { version defaultModel { id } }
  }
`)

export type Model = ModelFieldsFragment

export type Models = {
  readonly list: readonly Model[]
  /** The model used when nobody names one. */
  readonly defaultId: string | null
  /** Why a provider that offers none can't, one line for each. */
  readonly problems: readonly string[]
}

const noModels: Models = { list: [], defaultId: null, problems: [] }

/** Models that can be asked for. Gateways have hundreds of them: they come page by page, and the cache puts them together. */
export function useModels(): Models {
  const [after, setAfter] = useState<string | null>(null)
  const [{ data }] = useQuery({ query: modelsQuery, variables: { after } })
  const next = data?.models.pageInfo.hasNextPage ? data.models.pageInfo.endCursor : null
  useEffect(() => {
    if (next) setAfter(next)
  }, [next])
  return useMemo(() => {
    if (!data) return noModels
    const list = data.models.nodes.filter((model) => model.available)
    const absent = data.providers.filter(({ id }) => !list.some(({ provider }) => provider.id === id))
    const problems = absent.flatMap(({ problem }) => problem ?? [])
    return { list, problems, defaultId: data.serverInfo.defaultModel?.id ?? null }
  }, [data])
}

const lastPicked = 'parley:model'

/** The model to use: the conversation's, else the one picked last, else the server's, as far as they still exist. */
export function chooseModel(models: Models, conversationModelId: string | null): Model | null {
  const wanted = [conversationModelId, readStored(lastPicked), models.defaultId]
  const found = wanted.map((id) => models.list.find((model) => model.id === id)).find((model) => model)
  return found ?? models.list[0] ?? null
}

/** New conversations start with it. */
export function rememberModel(id: string): void {
  store(lastPicked, id)
}

/** The built-in model that only shows how the page works. */
export function isDemo(model: { readonly provider: { readonly name: string } } | null): boolean {
  return model?.provider.name === 'demo'
}
