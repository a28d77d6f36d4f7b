import { LLMock } from '@copilotkit/aimock'

/** A mock of Anthropic's API that answers by rules: `mock.onMessage(/hello/, { content: 'Hi' })`. */
export async function startAimock(): Promise<LLMock & AsyncDisposable> {
  const mock = new LLMock({ port: 0, logLevel: 'silent' })
  await mock.start()
  return Object.assign(mock, { [Symbol.asyncDispose]: () => mock.stop() })
}
