import { type FormEvent, useState } from 'react'
import { enterToken } from './session.ts'
import { Mark } from './ui/icons.tsx'

/** Asks once for the server's access token; the page starts afresh with the cookie that it is swapped for. */
export function TokenPrompt() {
  const [token, setToken] = useState('')
  const [failure, setFailure] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    const refusal = await enterToken(token.trim()).then(
      (known) => (known ? null : 'This is not the access token of this server.'),
      () => 'The server cannot be reached. Try again in a moment.',
    )
    if (refusal === null) return location.reload()
    setFailure(refusal)
    setBusy(false)
  }
  return (
    <main className="flex h-dvh items-center justify-center p-4">
      <form onSubmit={(event) => void submit(event)} className="w-full max-w-sm animate-appear">
        <Mark className="size-10" />
        <h1 className="mt-5 font-semibold text-xl tracking-tight">This server asks for its access token</h1>
        <p className="mt-1.5 text-muted text-sm leading-relaxed">
          Whoever runs it has set <code className="font-mono text-[0.9em]">PARLEY_ACCESS_TOKEN</code>. This
          browser will remember it.
        </p>
        <label className="mt-6 block font-medium text-sm" htmlFor="token">
          Access token
        </label>
        <input
          id="token"
          type="password"
          autoComplete="current-password"
          // The only thing on the page.
          // oxlint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          required
          value={token}
          onChange={(event) => setToken(event.target.value)}
          aria-invalid={failure !== null}
          aria-describedby="token-failure"
          className="mt-1.5 h-11 w-full rounded-xl border border-line-strong bg-raised px-3.5 text-base"
        />
        <p id="token-failure" role="alert" className="mt-2 min-h-5 text-danger text-sm">
          {failure}
        </p>
        <button
          type="submit"
          disabled={busy}
          className="mt-2 h-11 w-full rounded-xl bg-accent font-medium text-on-accent hover:brightness-110 disabled:opacity-60"
        >
          Continue
        </button>
      </form>
    </main>
  )
}
