import type { DocumentNode } from 'graphql'

type Cache<Value> = { get(key: string): Value | undefined; set(key: string, value: Value): unknown }

/** Clients send the same few documents; what is longer than any of them is not worth the memory. */
const mostDocuments = 500
const longestDocument = 20_000

/** Parsed documents by their text, the least recently used ones given up first. */
export function createDocumentCache(): Cache<DocumentNode> {
  const documents = new Map<string, DocumentNode>()
  return {
    get(text) {
      const document = documents.get(text)
      if (!document) return undefined
      documents.delete(text)
      documents.set(text, document)
      return document
    },
    set(text, document) {
      if (text.length > longestDocument) return
      documents.set(text, document)
      const [oldest] = documents.keys()
      if (documents.size > mostDocuments && oldest !== undefined) documents.delete(oldest)
    },
  }
}

/** Errors are made anew each time: kept ones would hold whatever anybody sent. */
export const noErrorCache: Cache<Error> = { get: () => undefined, set: () => undefined }
