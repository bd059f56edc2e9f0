import type { EngineVariant } from '../../spec/fleet.ts'

const IMAGES: Readonly<Record<EngineVariant, string>> = {
  'krinkuto11-amd64': 'ghcr.io/krinkuto11/acestream-http-proxy:latest',
  'jopsis-amd64': 'jopsis/acestream:x64',
  'jopsis-arm32': 'jopsis/acestream:arm32-v3.2.13',
  'jopsis-arm64': 'jopsis/acestream:arm64-v3.2.13',
  martinbjeldbak: 'ghcr.io/martinbjeldbak/acestream-http-proxy:latest',
  // A custom document without an image is refused before anyone asks.
  custom: '',
}

/** The image that a variant's preset starts. */
export function defaultImage(variant: EngineVariant): string {
  return IMAGES[variant]
}
