/** Makes `<kora-donate>` known to a page. Loading it twice, or from two meshes, is harmless. */
import { KoraDonate } from './kora-donate.ts'

if (customElements.get('kora-donate') === undefined) {
  customElements.define('kora-donate', KoraDonate)
}
