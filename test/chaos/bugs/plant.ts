/** Loaded into a controller process before its own modules: has it take one of them from here. */
import { registerHooks } from 'node:module'
import { BUGS } from './list.ts'

const bug = BUGS[process.env.CHAOS_BUG ?? '']
if (bug === undefined) throw new Error(`CHAOS_BUG ${process.env.CHAOS_BUG} names no seeded bug`)
const product = new URL(`../../../${bug.product}`, import.meta.url).href
const by = new URL(bug.by, import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    // The bug itself is made of what it replaces.
    if (found.url !== product || context.parentURL === by) return found
    return { ...found, url: by }
  },
})
