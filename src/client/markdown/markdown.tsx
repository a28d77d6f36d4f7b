import { memo, type ReactNode } from 'react'
import { type Components, Streamdown, type UrlTransform } from 'streamdown'
import { CodeBlock } from './code-block.tsx'

/**
 * A model's Markdown, also while it is being written. Nothing in it becomes live HTML (tags are shown as text),
 * nothing is loaded from elsewhere, and links open beside the page.
 */
export const Markdown = memo(function Markdown({ text, live }: { text: string; live: boolean }) {
  return (
    <Streamdown
      className={`markdown ${live ? 'is-live' : ''}`}
      dir="auto"
      mode="streaming"
      parseIncompleteMarkdown={live}
      rehypePlugins={noPlugins}
      urlTransform={safeUrl}
      components={components}
    >
      {text}
    </Streamdown>
  )
})

/** Streamdown's own would let HTML through. */
const noPlugins: [] = []

const safeUrl: UrlTransform = (url) => (/^(https?:\/\/|mailto:|#)/i.test(url) ? url : undefined)

/** Plain elements, which markdown.css lays out, but for those that need more. */
const components: Components = {
  ...plain('blockquote', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'li', 'ol', 'p', 'strong', 'sub', 'sup'),
  ...plain('tbody', 'td', 'th', 'thead', 'tr', 'ul', 'section'),
  a: ({ href, children }) => <Link href={href}>{children}</Link>,
  code: ({ children, className }) => <code className={className}>{children}</code>,
  inlineCode: ({ children }) => <code>{children}</code>,
  img: ({ src, alt }) => <Link href={typeof src === 'string' ? src : undefined}>{alt || 'Image'}</Link>,
  pre: CodeBlock,
  table: ({ children }) => <Table>{children}</Table>,
}

function plain<Tag extends 'p'>(...tags: (Tag | string)[]): Components {
  return Object.fromEntries(tags.map((tag) => [tag, tag])) as Components
}

function Link({ href, children }: { href: string | undefined; children: ReactNode }) {
  if (href === undefined || href === '') return <span>{children}</span>
  if (href.startsWith('#')) return <a href={href}>{children}</a>
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  )
}

function Table({ children }: { children: ReactNode }) {
  return (
    <div
      role="group"
      aria-label="Table"
      // So that a keyboard can scroll it.
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className="my-4 w-fit max-w-full overflow-x-auto rounded-xl border border-line"
    >
      <table>{children}</table>
    </div>
  )
}
