import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

/** Pixels from the end that still count as being there. */
const nearEnd = 48

/**
 * Keeps the end of a growing text in view for as long as the reader is there; whoever scrolls up is left alone.
 * `atEnd` is for showing the way back.
 */
export function useFollowScroll(
  scroller: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
) {
  const following = useRef(true)
  const [atEnd, setAtEnd] = useState(true)

  const toEnd = useCallback(
    (behavior: ScrollBehavior = 'instant') => {
      following.current = true
      setAtEnd(true)
      scroller.current?.scrollTo({ top: scroller.current.scrollHeight, behavior })
    },
    [scroller],
  )

  useLayoutEffect(() => toEnd(), [toEnd])

  useEffect(() => {
    const element = scroller.current
    if (!element || !content.current) return
    let lastTop = element.scrollTop
    const onScroll = (): void => {
      const distance = element.scrollHeight - element.clientHeight - element.scrollTop
      if (distance <= nearEnd) following.current = true
      else if (element.scrollTop < lastTop) following.current = false
      lastTop = element.scrollTop
      setAtEnd(distance <= nearEnd)
    }
    const onWheel = (event: WheelEvent): void => {
      if (event.deltaY < 0) following.current = false
    }
    const observer = new ResizeObserver(() => {
      if (following.current) element.scrollTo({ top: element.scrollHeight, behavior: 'instant' })
      else onScroll()
    })
    observer.observe(content.current)
    observer.observe(element)
    element.addEventListener('scroll', onScroll, { passive: true })
    element.addEventListener('wheel', onWheel, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', onScroll)
      element.removeEventListener('wheel', onWheel)
    }
  }, [scroller, content])

  return { atEnd, toEnd }
}
