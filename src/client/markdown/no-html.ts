/** Stands in for rehype-raw, which makes a model's HTML live: here that is never done. */
// Streamdown imports its default.
// oxlint-disable-next-line import/no-default-export
export default function noHtml(): never {
  throw new Error('HTML of a model is shown as text')
}
