import { main } from '../main.ts'
import * as notify from '../notify.ts'

void main([notify])
