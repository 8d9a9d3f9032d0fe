import * as gateway from '../gateway.ts'
import { main } from '../main.ts'

void main([gateway])
