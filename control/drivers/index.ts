/**
 * The door to a running control node: for applications that are one themselves. Loads the mesh, so
 * `kora studio` never comes through here.
 */
export type { ControlNode } from './control-node.ts'
export type {
  ControlService,
  ReplayDocument,
  SessionDocument,
  StatusDocument,
  Submission
} from './control-service.ts'
export { HttpControl } from './http-client.ts'
export {
  type LocalNode,
  type LocalNodes,
  type LocalNodesOptions,
  startLocalNodes
} from './local-nodes.ts'
export { createMeshFolder, genesisFile, isMeshFolder } from './mesh-folder.ts'
export { type ControlOptions, type OpenControl, openControl } from './open-control.ts'
