import type { Config, ProviderAccess, ProviderName } from './config.ts'
import type { Endpoint } from './config-file.ts'
import { customVendor, vendors } from './llm/openai-vendors.ts'
import type { ChatProvider } from './llm/provider.ts'
import { whereFound } from './llm/where-found.ts'

/** The providers whose keys are set, and an Ollama where there is one. Their SDKs are loaded only then. */
export async function configuredProviders(config: Config): Promise<readonly ChatProvider[]> {
  const names = Object.keys(config.providers) as ProviderName[]
  const keyed = await Promise.all(names.map((name) => keyedProvider(name, config.providers[name], config)))
  const others = await Promise.all(config.endpoints.map((endpoint) => endpointProvider(endpoint, config)))
  return [...keyed, ...others, ollama(config)].filter((provider) => provider !== null)
}

async function keyedProvider(
  name: ProviderName,
  { apiKey, baseUrl }: ProviderAccess,
  { timers }: Config,
): Promise<ChatProvider | null> {
  if (apiKey === null) return null
  const options = { apiKey, baseUrl, timers }
  if (name === 'anthropic') return (await import('./llm/anthropic.ts')).createAnthropic(options)
  if (name === 'gemini') return (await import('./llm/gemini.ts')).createGemini(options)
  return (await import('./llm/openai.ts')).createOpenAi({ ...options, vendor: vendors[name] })
}

async function endpointProvider({ apiKey, ...words }: Endpoint, { timers }: Config): Promise<ChatProvider> {
  const { createOpenAi } = await import('./llm/openai.ts')
  return createOpenAi({ apiKey, baseUrl: null, timers, vendor: customVendor(words) })
}

function ollama({ ollamaUrl, timers }: Config): ChatProvider | null {
  if (ollamaUrl === null) return null
  return whereFound(vendors.ollama, ollamaUrl, async () => {
    const { createOpenAi } = await import('./llm/openai.ts')
    return createOpenAi({ apiKey: null, baseUrl: `${ollamaUrl}/v1`, timers, vendor: vendors.ollama })
  })
}
