"""CoLA: which classes occur in a recording, and no more (Zhang et al., CVPR 2021). A lower bound."""
