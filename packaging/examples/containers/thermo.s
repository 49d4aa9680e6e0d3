; thermo: the first temperature sensor, in hundredths of a degree.
; Without a sensor it answers 27.18, so that a bare board can show that the container ran.
.function thermo
        mov     r1, 0x82                ; SAUL class: temperature
        call    saul_reg_find_type      ; r0 = sensor, or 0
        mov     r6, 2718
        jeq     r0, 0, done
        mov     r2, r10
        add     r2, -8                  ; 8 bytes of stack for the reading
        mov     r1, r0
        call    saul_reg_read           ; r0 = number of values, or negative (32 bits)
        lsh     r0, 32
        arsh    r0, 32                  ; extend the sign to 64 bits
        jslt    r0, 0, done
        ldh     r6, [r10-8]             ; the first value, 16 bits with sign
        lsh     r6, 48
        arsh    r6, 48
done:   mov     r0, r6
        exit
