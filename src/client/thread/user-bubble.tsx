/** What a person said, as they typed it. */
export function UserBubble({ text }: { text: string }) {
  return (
    <div
      dir="auto"
      className="ms-auto w-fit max-w-[min(85%,36rem)] whitespace-pre-wrap rounded-3xl bg-bubble px-4.5 py-2.5 leading-relaxed [overflow-wrap:anywhere]"
    >
      {text}
    </div>
  )
}
