import { existsSync, globSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { read, root } from './markdown.ts'

const pages = globSync(['*.md', '{docs,test,deploy,src,specs}/**/*.md'], { cwd: root }).sort()

/** What a heading is called in a link, as GitHub makes it. */
function anchorOf(heading: string): string {
  const text = heading.replace(/^#+ /, '').toLowerCase()
  return text.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
}

/** Text without its code, in which brackets are no links and # begins no heading. */
const prose = (page: string) => read(page).replace(/^ *```[\s\S]*?^ *```/gm, '')

function brokenLinks(page: string): string[] {
  const targets = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? page : relative(root, join(root, dirname(page), path))
    if (file.startsWith('..') || !existsSync(join(root, file))) return true
    if (anchor === undefined) return false
    const headings = prose(file).match(/^#+ .+$/gm) ?? []
    return !headings.map(anchorOf).includes(anchor)
  })
}

describe('documents', () => {
  it.each(pages)('%s links only to what is there', (page) => {
    expect(brokenLinks(page)).toEqual([])
  })

  it('are found', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md']))
  })
})
