import { failAndReturn, ORDERS, FAILURE_KINDS } from './test/sim/two-nodes.ts'
const kinds = process.argv[2]==='all' ? FAILURE_KINDS.filter(k=>!k.includes('freez')) : ['its container stops'] as const
for (const order of ORDERS) if(order[0]!.node==='a') for (const a of kinds) for (const b of kinds) {const v=(await failAndReturn({order,kinds:{a,b},forwardedOn:'a',pace:'slow'})).violations; if(v.length||kinds.length===1) console.log(order.map(t=>t.node+t.what).join(),a,b, v.slice(0,2))}
