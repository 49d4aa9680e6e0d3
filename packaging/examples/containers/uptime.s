; uptime: seconds since the device started, in hundredths (the 32-bit timer turns over after 71 minutes).
.function uptime
        call    ztimer_now              ; microseconds
        div     r0, 10000
        exit
