import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Provider } from 'urql'
import { App } from './app.tsx'
import { createPageClient } from './client.ts'
import { Conversations } from './conversation/conversations.ts'
import { PageContext } from './page.tsx'
import './styles.css'

const { client, connection } = createPageClient()
const page = { client, connection, conversations: new Conversations(client, connection) }

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Provider value={client}>
      <PageContext value={page}>
        <App />
      </PageContext>
    </Provider>
  </StrictMode>,
)
