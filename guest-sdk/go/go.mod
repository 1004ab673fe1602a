module berth/sdk

go 1.24
