import { describe, expect, test } from 'vitest'
import { meantModel, similarNames } from '../../../src/server/llm/model-names.ts'
import { unlistedModel } from '../../../src/server/llm/models.ts'
import { modelKey } from '../../../src/server/llm/provider.ts'

const models = [
  unlistedModel('anthropic', 'claude-sonnet-5-5'),
  unlistedModel('openai', 'gpt-4-turbo'),
  unlistedModel('gemini', 'gemini-2.5-pro'),
  unlistedModel('openrouter', 'meta-llama/llama-4-maverick:free'),
  unlistedModel('openrouter', 'mistralai/mistral-large'),
  unlistedModel('openrouter', 'one/shared'),
  unlistedModel('openrouter', 'other/shared'),
  unlistedModel('ollama', 'llama3:latest'),
]

describe('a model is found by the names that people bring from elsewhere', () => {
  test.each([
    ['anthropic/claude-sonnet-5-5', 'anthropic:claude-sonnet-5-5'],
    ['Claude-Sonnet-5.5', 'anthropic:claude-sonnet-5-5'],
    ['openai/gpt-4-turbo', 'openai:gpt-4-turbo'],
    ['models/gemini-2.5-pro', 'gemini:gemini-2.5-pro'],
    ['google/gemini-2.5-pro', 'gemini:gemini-2.5-pro'],
    ['gemini/gemini-2.5-pro', 'gemini:gemini-2.5-pro'],
    ['meta/llama-4-maverick:free', 'openrouter:meta-llama/llama-4-maverick:free'],
    ['openrouter/meta-llama/llama-4-maverick:free', 'openrouter:meta-llama/llama-4-maverick:free'],
    ['mistral/mistral-large', 'openrouter:mistralai/mistral-large'],
    ['mistral-large', 'openrouter:mistralai/mistral-large'],
    ['ollama/llama3', 'ollama:llama3:latest'],
    [' llama3 ', 'ollama:llama3:latest'],
  ])('%s', (name, key) => {
    const found = meantModel(models, name)
    expect(found && modelKey(found)).toBe(key)
  })

  test.each(['shared', 'gpt-4', 'claude', '', '/', 'nobody/claude-sonnet-5-5'])('but not by %j', (name) => {
    expect(meantModel(models, name)).toBeNull()
  })
})

describe('a name that no model has', () => {
  test.each([
    ['claude-sonet-5-5', ['claude-sonnet-5-5']],
    ['gpt-4-turb0', ['gpt-4-turbo']],
    ['openai/gpt4-turbo', ['gpt-4-turbo']],
    ['mistral-larg', ['mistralai/mistral-large']],
  ])('%s is like %j', (name, similar) => {
    expect(similarNames(models, name)).toEqual(similar)
  })

  test('may be like none', () => {
    expect(similarNames(models, 'something-else-entirely')).toEqual([])
  })
})
