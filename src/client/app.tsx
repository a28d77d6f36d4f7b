import { CSPProvider } from '@base-ui/react/csp-provider'
import { useMemo, useState } from 'react'
import { useStore } from './external-store.ts'
import { usePage } from './page.tsx'
import { useRoute } from './router.ts'
import { session } from './session.ts'
import { Sidebar } from './sidebar/sidebar.tsx'
import { Chat } from './thread/chat.tsx'
import { TokenPrompt } from './token-prompt.tsx'
import { Notices } from './ui/notices.tsx'

export function App() {
  const needsToken = useStore(session) === 'needed'
  return (
    // The policy of the page allows no inline styles.
    <CSPProvider disableStyleElements>
      {needsToken ? <TokenPrompt /> : <Workspace />}
      <Notices />
    </CSPProvider>
  )
}

function Workspace() {
  const { place } = useRoute()
  const { conversations } = usePage()
  const [sidebarOpen, setSidebarOpen] = useState(false)
  const store = useMemo(() => conversations.open(place), [conversations, place])
  return (
    <div className="flex h-dvh">
      <Sidebar open={sidebarOpen} onOpenChange={setSidebarOpen} />
      <Chat key={store.key} store={store} onOpenSidebar={() => setSidebarOpen(true)} />
    </div>
  )
}
