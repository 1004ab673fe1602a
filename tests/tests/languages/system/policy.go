// Asks for what a policy does not have, by the device's id.
package main

import (
	"fmt"
	"log"
	"math/rand"
	"os"
	"strings"
	"time"

	berth "berth/sdk"
)

func init() {
	fmt.Println("loaded")
	berth.Policy(allocate)
	berth.ValidateSettings(func(settings []byte) error {
		if strings.Contains(string(settings), "broken") {
			panic("no such settings")
		}
		return nil
	})
}

func main() {}

func allocate(request *berth.Request) (*berth.Decision, error) {
	switch request.RegistrationID() {
	case "print":
		fmt.Println("one", 2)
		println("two", 3)
		fmt.Print("half \xff é")
	case "log":
		log.SetFlags(0)
		log.Printf("logged %d", 1)
	case "long":
		fmt.Print(strings.Repeat("é", 1000))
	case "sleep":
		began := time.Now()
		time.Sleep(time.Hour)
		fmt.Println(began.UTC().Year(), time.Since(began) >= time.Hour)
	case "timeout":
		select {
		case <-make(chan bool):
		case <-time.After(time.Minute):
			fmt.Println("over")
		}
	case "exit":
		os.Exit(3)
	case "fatal":
		log.SetFlags(0)
		log.Fatal("no more")
	case "goroutine":
		done := make(chan bool)
		go func() { panic("apart") }()
		<-done
	case "deadlock":
		<-make(chan bool)
	case "open":
		_, err := os.Open("models.csv")
		return nil, err
	case "chance":
		fmt.Println(rand.Int63() == rand.Int63())
	}
	hub, err := request.Hubs().First()
	return berth.To(hub), err
}
