#!/usr/bin/env node
// What the README uses of curl, for machines that have none: -s, -N, -G, -H, -d, --data-urlencode.
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    'no-buffer': { type: 'boolean', short: 'N' },
    get: { type: 'boolean', short: 'G' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    data: { type: 'string', short: 'd' },
    'data-urlencode': { type: 'string', multiple: true, default: [] },
  },
})
const url = new URL(positionals[0])
for (const pair of values['data-urlencode']) {
  const at = pair.indexOf('=')
  url.searchParams.set(pair.slice(0, at), pair.slice(at + 1))
}
const headers = Object.fromEntries(values.header.map((header) => header.split(/: ?(.*)/s)))
const response = await fetch(url, values.get ? { headers } : { method: 'POST', headers, body: values.data })
for await (const chunk of response.body) process.stdout.write(chunk)
