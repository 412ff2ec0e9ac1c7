module toolchains

go 1.24
