import { LeaseServersAway } from '../lease/servers.ts'

/** How many of so many servers are more than half. */
export function majorityOf(servers: number): number {
  return Math.floor(servers / 2) + 1
}

/** An error that says who gave no vote, and why. */
export function leaseServersAway(servers: number, troubles: readonly unknown[]): LeaseServersAway {
  const reasons = troubles.map((trouble) =>
    trouble instanceof Error ? trouble.message : String(trouble),
  )
  return new LeaseServersAway(
    `${reasons.length} of ${servers} lease servers gave no answer that counts: ${reasons.join('; ')}`,
  )
}

/**
 * Puts answers together as they come: the first decision ends it, whoever is still silent.
 * @throws {LeaseServersAway} when all have answered or failed and there is none.
 */
export function decideByVotes<T, R>(
  questions: readonly Promise<T>[],
  decide: (answers: readonly T[]) => R | undefined,
): Promise<R> {
  return new Promise((resolve, reject) => {
    const answers: T[] = []
    const troubles: unknown[] = []
    const giveUpWhenComplete = () => {
      if (answers.length + troubles.length < questions.length) return
      reject(leaseServersAway(questions.length, troubles))
    }
    for (const question of questions) {
      question
        .then(
          (answer) => {
            answers.push(answer)
            const decision = decide(answers)
            if (decision !== undefined) resolve(decision)
          },
          (trouble: unknown) => {
            troubles.push(trouble)
          },
        )
        .then(giveUpWhenComplete, reject)
    }
  })
}
