import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Provider } from 'urql'
import { App } from './app.tsx'
import { createPageClient } from './client.ts'
import { Conversations } from './conversation/conversations.ts'
import { onReturn } from './on-return.ts'
import { openDisk } from './outbox/disk.ts'
import { Drafts } from './outbox/drafts.ts'
import { Outbox } from './outbox/outbox.ts'
import { Sender } from './outbox/sender.ts'
import { type Page, PageContext } from './page.tsx'
import { session } from './session.ts'
import './styles.css'

/** What is kept is read before anything is shown: a field that fills later would be typed into. */
async function openPage(): Promise<Page> {
  const { client, connection } = createPageClient()
  const disk = await openDisk()
  const outbox = new Outbox(disk)
  const [drafts] = await Promise.all([Drafts.open(disk), outbox.refresh()])
  const services = { client, connection, outbox, onEnded: () => sender.look() }
  const conversations = new Conversations(services, drafts)
  const sender = new Sender(client, outbox, conversations, () => session.get() === 'open')
  sender.start()
  connection.state.subscribe(() => (connection.state.get() === 'open' ? sender.nudge() : sender.look()))
  onReturn(() => void outbox.refresh().then(() => sender.nudge()))
  return { client, connection, conversations, drafts, outbox }
}

const page = await openPage()

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Provider value={page.client}>
      <PageContext value={page}>
        <App />
      </PageContext>
    </Provider>
  </StrictMode>,
)
