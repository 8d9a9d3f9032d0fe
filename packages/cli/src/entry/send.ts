import { main } from '../main.ts'
import * as send from '../send.ts'

await main([send])
