module example.com/NAME

go 1.24

require berth/sdk v0.0.0

replace berth/sdk => ./sdk
