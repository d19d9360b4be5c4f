/** Words from outside as text of HTML and of its attributes; the one way that any reaches a report. */
const SIGNS: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

export const escapeText = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => SIGNS[sign] ?? '')
