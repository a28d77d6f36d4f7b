import { useMemo } from 'react'
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
    provider { id name }
  }
`)

const modelsQuery = graphql(`
  query Models {
    models(first: 100) { nodes { ...ModelFields } }
    serverInfo { version defaultModel { id } }
  }
`)

export type Model = ModelFieldsFragment

export type Models = {
  readonly list: readonly Model[]
  /** The model used when nobody names one. */
  readonly defaultId: string | null
}

const noModels: Models = { list: [], defaultId: null }

/** Models that can be asked for. */
export function useModels(): Models {
  const [{ data }] = useQuery({ query: modelsQuery })
  return useMemo(() => {
    if (!data) return noModels
    const list = data.models.nodes.filter((model) => model.available)
    return { list, defaultId: data.serverInfo.defaultModel?.id ?? null }
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
