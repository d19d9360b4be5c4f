export { bundlePage, type PageBundle } from './bundle-page.ts'
export { pageHeaders } from './page-headers.ts'
export { writeEntry } from './write-bundle.ts'
