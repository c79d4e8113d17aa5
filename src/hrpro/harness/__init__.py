"""Methods side by side: each trained in a process of its own, all of them judged alike."""
