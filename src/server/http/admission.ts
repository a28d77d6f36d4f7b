import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  validate,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { RequestError } from '../errors.ts'
import { requireSimpleShape } from '../limits/document-shape.ts'
import type { Limits } from '../limits/limits.ts'
import { requireAffordable } from '../limits/operation-cost.ts'
import { createRateWindow } from '../limits/rate-window.ts'
import { isAsyncIterable } from './event-delivery.ts'
import { relabel, toGraphQLError } from './graphql-error.ts'
import type { Operation, OperationContext } from './operation.ts'
import { superviseResults } from './result-stream.ts'

/** Errors that one validation reports: a document can be wrong in many more places than anybody reads. */
const mostValidationErrors = 20

/**
 * The one way in for operations: whatever carried one, it passes through here. Refuses what goes over a limit, ends
 * what takes too long, and ties streams to their operation.
 *
 * These are hooks of the execution pipeline because those of HTTP do not run for a WebSocket.
 */
export function createAdmission(limits: Limits, timeout: number): Plugin<OperationContext> {
  const rate = createRateWindow(limits.operationsPerSecond, 1_000)
  return {
    onParse({ context, setParseFn }) {
      if (!rate.take(context.operation.address)) {
        throw new RequestError('RATE_LIMITED', 'Too many operations from this address: wait a second')
      }
      setParseFn((source: string) => parseWithin(source, limits.tokens))
    },
    onValidate({ setValidationFn }) {
      setValidationFn((schema: GraphQLSchema, document: DocumentNode) =>
        validateWithin(schema, document, limits),
      )
    },
    onExecute({ args, executeFn, setExecuteFn, setResultAndStopExecution }) {
      const refusal = refusalOf(args, limits)
      if (refusal) return setResultAndStopExecution(refusal)
      setExecuteFn((given) => within(timeout, operationOf(given), () => executeFn(given)))
    },
    onSubscribe({ args, subscribeFn, setSubscribeFn, setResultAndStopExecution }) {
      const refusal = refusalOf(args, limits)
      if (refusal) return setResultAndStopExecution(refusal)
      setSubscribeFn(async (given) => {
        const operation = operationOf(given)
        const results: unknown = await within(timeout, operation, () => subscribeFn(given))
        return isAsyncIterable(results) ? superviseResults(results, operation) : results
      })
    },
  }
}

function parseWithin(source: string, maxTokens: number): DocumentNode {
  try {
    return parse(source, { maxTokens })
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error
    if (!error.message.includes('tokens')) throw relabel(error, { code: 'GRAPHQL_PARSE_FAILED' })
    throw new RequestError('COST_LIMIT', `The document is too long: at most ${maxTokens} tokens are taken`)
  }
}

/** Its verdict must depend on schema and document only: Yoga keeps it for the next time. */
function validateWithin(
  schema: GraphQLSchema,
  document: DocumentNode,
  limits: Limits,
): readonly GraphQLError[] {
  try {
    requireSimpleShape(document, limits)
  } catch (error) {
    if (error instanceof RequestError) return [toGraphQLError(error)]
    throw error
  }
  return validate(schema, document, undefined, { maxErrors: mostValidationErrors }).map((error) =>
    relabel(error, { code: 'GRAPHQL_VALIDATION_FAILED' }),
  )
}

/** An error as the whole result, because one that is thrown here would close a WebSocket with all its operations. */
function refusalOf(args: ExecutionArgs, limits: Limits): ExecutionResult | null {
  const { schema, document, variableValues, operationName } = args
  const operation = getOperationAST(document, operationName)
  if (!operation) return null
  try {
    requireAffordable({ schema, document, operation, variables: variableValues ?? {} }, limits)
    return null
  } catch (error) {
    if (error instanceof RequestError) return { errors: [toGraphQLError(error)] }
    throw error
  }
}

/** Answers after `timeout` with an error whatever `run` does, and tells it so by the operation's signal. */
async function within<Result>(
  timeout: number,
  operation: Operation,
  run: () => Result | Promise<Result>,
): Promise<Result | ExecutionResult> {
  const running = run()
  if (!(running instanceof Promise)) return running
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<ExecutionResult>((resolve) => {
    timer = setTimeout(() => {
      resolve({ errors: [new GraphQLError(`The operation took longer than ${timeout} ms`, timedOut)] })
      operation.abort()
    }, timeout)
  })
  try {
    return await Promise.race([running, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

function operationOf(args: ExecutionArgs): Operation {
  return (args.contextValue as OperationContext).operation
}

const timedOut = { extensions: { code: 'INTERNAL_SERVER_ERROR' } }
