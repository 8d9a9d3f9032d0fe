import * as demo from '../demo.ts'
import { main } from '../main.ts'

await main([demo])
