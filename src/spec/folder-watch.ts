import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'

/** Tells of changes in folders as far as the system does; whoever uses it looks by itself now and then as well. */
export interface FolderWatch extends Disposable {
  /** Watches these folders and no others: missing ones as soon as they are there, replaced ones anew. Never rejects. */
  follow(folders: readonly string[]): Promise<void>
}

/** `onChange` may be called often, late, or on some file systems never. The name is null where the system gives none. */
export function watchFolders(onChange: (folder: string, name: string | null) => void): FolderWatch {
  const watchers = new Map<string, { readonly inode: number; readonly watcher: FSWatcher }>()
  const drop = (folder: string) => {
    watchers.get(folder)?.watcher.close()
    watchers.delete(folder)
  }
  const followOne = async (folder: string) => {
    // A folder that was replaced keeps its name, but its watcher stays with the old one.
    const inode = await stat(folder).then(
      (stats) => (stats.isDirectory() ? stats.ino : undefined),
      () => undefined,
    )
    if (watchers.get(folder)?.inode === inode) return
    drop(folder)
    if (inode === undefined) return
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => onChange(folder, name))
      watcher.on('error', () => {
        if (watchers.get(folder)?.watcher === watcher) drop(folder)
      })
      watchers.set(folder, { inode, watcher })
    } catch {
      // Out of inotify watches, or a file system without them: looking now and then has to do.
    }
  }
  return {
    follow: async (folders) => {
      for (const folder of watchers.keys()) if (!folders.includes(folder)) drop(folder)
      await Promise.all(folders.map(followOne))
    },
    [Symbol.dispose]: () => {
      for (const folder of [...watchers.keys()]) drop(folder)
    },
  }
}
