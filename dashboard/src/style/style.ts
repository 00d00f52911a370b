/** Every style sheet, in the order of their layers. */
import './tokens.css'
import './base.css'
import './shell.css'
import './parts.css'
import './pages.css'
