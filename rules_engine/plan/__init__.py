"""Where each rule of a set is cheapest: the strategies of a plan."""
