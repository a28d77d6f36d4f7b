import type { Socket } from 'node:net'
import {
  blockStop,
  messageDelta,
  messageStart,
  messageStop,
  ping,
  textDelta,
  textStart,
} from '../../test/support/anthropic-frames.ts'
import { chunk, chunkedHead } from '../../test/support/byte-server.ts'
import { cutTime, now, type Question, tokenText } from '../wire.ts'

const [beforeText, afterText] = textDelta('TEXT').split('TEXT') as [string, string]
const opening = chunkedHead + chunk(messageStart() + textStart() + ping)
const last = chunk('')

/** Tokens in one write of an answer without a pace: fewer would measure the upstream. */
const burst = 32

/** One answer on its way. Everything that does not change from token to token is made once. */
export class Answer {
  readonly #socket: Socket
  readonly #question: Question
  readonly #began = now()
  readonly #arrived = cutTime(this.#began).toString(36)
  #sent = 0

  constructor(socket: Socket, question: Question) {
    this.#socket = socket
    this.#question = question
    socket.write(opening, 'latin1')
  }

  get ended(): boolean {
    return this.#sent === this.#question.tokens || this.#socket.destroyed
  }

  /** Writes the tokens that are due, unless the reader has yet to take what it was sent. */
  advance(): void {
    if (this.ended || this.#socket.writableNeedDrain) return
    const { digits } = this.#question
    const due = this.#due()
    if (due === 0) return
    const written = cutTime(now()).toString(36)
    let frames = ''
    for (const end = this.#sent + due; this.#sent < end; ) {
      this.#sent += 1
      frames += beforeText + tokenText(this.#sent, written, this.#arrived, digits) + afterText
    }
    this.#socket.write(chunk(frames) + (this.ended ? this.#ending() : ''), 'latin1')
  }

  #due(): number {
    const { tokens, pace } = this.#question
    const left = tokens - this.#sent
    if (pace === 0) return Math.min(left, burst)
    // A late turn, or one that fell out for a reader that was slow, is made up for.
    const due = Math.round((now() - this.#began) / (pace * 1_000))
    return Math.min(left, Math.max(0, due - this.#sent))
  }

  #ending(): string {
    return chunk(blockStop() + messageDelta('end_turn', { output_tokens: this.#sent }) + messageStop) + last
  }
}
