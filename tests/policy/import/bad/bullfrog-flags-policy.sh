agent --egress-policy=open
