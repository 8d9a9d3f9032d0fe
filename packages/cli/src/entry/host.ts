import * as host from '../host.ts'
import { main } from '../main.ts'

void main([host])
