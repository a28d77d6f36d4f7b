import { type Asset, createAsset, hashOf } from './asset.ts'

/** GraphiQL as three files of ours, so that a browser keeps the big ones and a strict policy can name them. */
export type Graphiql = {
  readonly document: Asset
  /** By their path in a URL, which changes with their content. */
  readonly files: ReadonlyMap<string, Asset>
}

/** GraphiQL makes its editor's workers and fonts in the browser; nothing comes from anywhere else. */
export const graphiqlPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  'worker-src blob:',
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Where {@link Graphiql.files} are. */
export const graphiqlFolder = '/graphiql/'

const welcome = `# Welcome to Parley's API. Everything the page does goes through here.
#
# Queries and mutations run with the button above, subscriptions stream until they are stopped.

query Hello {
  viewer {
    id
    name
  }
  serverInfo {
    version
    schemaVersion
    defaultModel {
      displayName
    }
  }
}
`

let graphiql: Promise<Graphiql> | null = null

/** Made when somebody first asks for it: it is nine megabytes that most processes never need. */
export function loadGraphiql(): Promise<Graphiql> {
  graphiql ??= makeGraphiql()
  return graphiql
}

async function makeGraphiql(): Promise<Graphiql> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const rendered = renderGraphiQL({
    title: 'Parley · GraphiQL',
    endpoint: '/graphql',
    subscriptionsProtocol: 'SSE',
    defaultQuery: welcome,
  })
  // One element each; the script holds such tags as text.
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(rendered) ?? []
  const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(rendered) ?? []
  const stylePath = `${graphiqlFolder}graphiql-${hashOf(style)}.css`
  const scriptPath = `${graphiqlFolder}graphiql-${hashOf(script)}.js`
  return {
    document: createAsset('graphiql.html', Buffer.from(documentOf(stylePath, scriptPath))),
    files: new Map([
      [stylePath, createAsset(stylePath, Buffer.from(style))],
      [scriptPath, createAsset(scriptPath, Buffer.from(script))],
    ]),
  }
}

function documentOf(stylePath: string, scriptPath: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parley · GraphiQL</title>
<link rel="icon" href="/favicon.svg">
<link rel="stylesheet" href="${stylePath}">
</head>
<body id="body" class="no-focus-outline">
<noscript>GraphiQL needs JavaScript.</noscript>
<div id="root"></div>
<script src="${scriptPath}"></script>
</body>
</html>
`
}
