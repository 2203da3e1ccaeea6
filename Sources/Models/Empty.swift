// The first file of this room; it goes when the room's own files arrive.
