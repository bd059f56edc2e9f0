import { describeSeeds } from './seeds.ts'

describeSeeds('even')
