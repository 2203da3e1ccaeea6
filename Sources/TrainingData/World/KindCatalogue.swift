/// The kinds of the world: colourful emoji of a single code point with short names, from the emoji list of Unicode.
///
/// Almost colourless emoji, such as elephant and panda, are left out, because a rotation of the hue would not show. No
/// word occurs in two names, so that a phrase is found only at its own position. Do not change names or their order:
/// they determine every sample, a trained model knows no other kinds, and `Resources/held-out.json` has to fit.
enum KindCatalogue {
  static func kinds(heldOut: Set<String>) -> [Kind] {
    entries.map { entry in
      Kind(
        name: entry.name, role: entry.role, designs: entry.designs, isHeldOut: heldOut.contains(entry.name),
        worn: entry.worn, hasNoArticle: entry.hasNoArticle)
    }
  }

  private struct Entry {
    var name: String
    var role: Role
    var designs: [[Drawing]]
    var worn: Worn?
    var hasNoArticle = false
  }

  private static let entries = living + objects + clothes + places

  private static let living = [
    alive("dog", face("🐶"), body("🐕", 0.38, 0.02, 0.62)), alive("cat", face("🐱"), body("🐈", 0.28, 0.1, 0.5)),
    alive("tiger", face("🐯"), body("🐅", 0.18, 0.02, 0.34)), alive("horse", head("🐴", 0.5, 0.1, 0.6), plain("🐎")),
    alive("pig", face("🐷"), body("🐖", 0.28, 0.08, 0.5)), alive("monkey", face("🐵"), body("🐒", 0.3, 0.02, 0.56)),
    alive("cow", face("🐮")), alive("dragon", plain("🐉"), plain("🐲")), alive("whale", plain("🐋"), plain("🐳")),
    alive("chick", body("🐥", 0.5, 0.03, 0.6), body("🐤", 0.42, 0.03, 0.6)), alive("camel", plain("🐪"), plain("🐫")),
    alive("fox", face("🦊")), alive("lion", face("🦁")), alive("hamster", face("🐹")),
    alive("unicorn", plain("🦄")), alive("turtle", plain("🐢")), alive("snake", plain("🐍")),
    alive("crocodile", plain("🐊")), alive("octopus", body("🐙", 0.5, 0.04, 0.5)), alive("crab", plain("🦀")),
    alive("lobster", plain("🦞")), alive("butterfly", plain("🦋")), alive("bee", plain("🐝")),
    alive("ladybug", plain("🐞")), alive("snail", plain("🐌")), alive("rooster", plain("🐓")),
    alive("owl", body("🦉", 0.5, 0.08, 0.85)), alive("peacock", plain("🦚")),
    alive("duck", body("🦆", 0.3, 0.02, 0.42)), alive("bird", body("🐦", 0.36, 0.04, 0.52)),
    variants("dinosaur", .living, [plain("🦕")], [plain("🦖")]), alive("giraffe", plain("🦒")),
    alive("deer", plain("🦌")), alive("dolphin", plain("🐬")), alive("leopard", body("🐆", 0.16, 0.04, 0.32)),
    variants("fish", .living, [plain("🐟")], [plain("🐠")]), alive("clown", face("🤡")),
    alive("woman", face("👩")), alive("man", face("👨")), alive("girl", face("👧")), alive("boy", face("👦")),
    alive("frog", face("🐸")), alive("bear", face("🐻")), alive("parrot", body("🦜", 0.4, 0.02, 0.5)),
    alive("flamingo", plain("🦩")), alive("squirrel", body("🐿", 0.3, 0.06, 0.46)),
  ]

  private static let objects = [
    thing("pizza", "🍕"), thing("hamburger", "🍔"), thing("taco", "🌮"),
    variants("cake", .object, [plain("🍰")], [plain("🎂")]), thing("cupcake", "🧁"), thing("cookie", "🍪"),
    mass("bread", "🍞"), thing("pretzel", "🥨"), mass("cheese", "🧀"), thing("apple", "🍎"), thing("banana", "🍌"),
    thing("strawberry", "🍓"), thing("pineapple", "🍍"), thing("watermelon", "🍉"), thing("lemon", "🍋"),
    thing("tomato", "🍅"), thing("carrot", "🥕"), thing("mushroom", "🍄"), thing("lollipop", "🍭"),
    mass("popcorn", "🍿"), thing("rose", "🌹"), thing("cactus", "🌵"), thing("palm", "🌴"),
    variants("tree", .object, [plain("🌳")], [plain("🌲")]),
    variants("flower", .object, [plain("🌺")], [plain("🌼")], [plain("🌸")]), thing("car", "🚗", "🚘"),
    thing("taxi", "🚕", "🚖"), thing("tractor", "🚜"), thing("scooter", "🛵"), thing("helicopter", "🚁"),
    thing("rocket", "🚀"), variants("train", .object, [plain("🚂")], [plain("🚆")]), thing("basketball", "🏀"),
    thing("tennis racket", "🎾"), thing("violin", "🎻"), thing("drum", "🥁"), thing("trumpet", "🎺"),
    thing("gift", "🎁"), thing("kite", "🪁"), thing("teddy", "🧸"), thing("bell", "🔔"), thing("trophy", "🏆"),
    thing("key", "🔑"), thing("book", "📕"), thing("handbag", "👜"), thing("umbrella", "☂", "☔"), thing("chair", "🪑"),
    thing("couch", "🛋"), thing("bucket", "🪣"), thing("pencil", "✏"), thing("pumpkin", "🎃"), thing("heart", "❤"),
    thing("house", "🏠", "🏡"), thing("backpack", "🎒"),
    thing("donut", "🍩"), thing("guitar", "🎸"), thing("sailboat", "⛵"), thing("teapot", "🫖"),
    thing("sunflower", "🌻"), thing("balloon", "🎈"), thing("truck", "🚚"), thing("alarm clock", "⏰"),
  ]

  private static let clothes = [
    worn("hat", .upwearing, "👒", .top(width: 0.95, overlap: 0.3)),
    worn("cap", .upwearing, "🧢", .top(width: 0.9, overlap: 0.32)),
    worn("crown", .upwearing, "👑", .top(width: 0.75, overlap: 0.16)),
    worn("bow", .upwearing, "🎀", .top(width: 0.6, overlap: 0.26)),
    worn("glasses", .upwearing, "👓", .eyes(width: 0.85), hasNoArticle: true),
    worn("shirt", .midwearing, "👕", .body(width: 1.25)), worn("coat", .midwearing, "🧥", .body(width: 1.25)),
    worn("scarf", .midwearing, "🧣", .neck(width: 0.85)), worn("dress", .wholewearing, "👗", .body(width: 1.1)),
    worn("kimono", .wholewearing, "👘", .body(width: 1.25)), worn("swimsuit", .wholewearing, "🩱", .body(width: 0.8)),
    worn("bikini", .wholewearing, "👙", .body(width: 0.85)),
    worn("jeans", .downwearing, "👖", .legs(width: 0.62), hasNoArticle: true),
    worn("shorts", .downwearing, "🩳", .legs(width: 0.85), hasNoArticle: true),
    worn("boot", .downwearing, "👢", .legs(width: 0.6)), worn("sneaker", .downwearing, "👟", .legs(width: 0.85)),
    worn("skate", .downwearing, "🛼", .legs(width: 0.75)),
    worn("helmet", .upwearing, "⛑", .top(width: 0.95, overlap: 0.34)),
    worn("vest", .midwearing, "🦺", .body(width: 1.05)), worn("sari", .wholewearing, "🥻", .body(width: 0.95)),
    worn("sandal", .downwearing, "👡", .legs(width: 0.85)),
  ]

  private static let places = Place.allCases.map { place in
    Entry(name: place.phrase, role: .scene, designs: [[]], hasNoArticle: !place.hasArticle)
  }

  private static func alive(_ name: String, _ drawings: Drawing...) -> Entry {
    Entry(name: name, role: .living, designs: [drawings])
  }

  private static func thing(_ name: String, _ emoji: Unicode.Scalar...) -> Entry {
    Entry(name: name, role: .object, designs: [emoji.map(plain)])
  }

  private static func mass(_ name: String, _ emoji: Unicode.Scalar) -> Entry {
    Entry(name: name, role: .object, designs: [[plain(emoji)]], hasNoArticle: true)
  }

  private static func variants(_ name: String, _ role: Role, _ designs: [Drawing]...) -> Entry {
    Entry(name: name, role: role, designs: designs)
  }

  private static func worn(
    _ name: String, _ role: Role, _ emoji: Unicode.Scalar, _ worn: Worn, hasNoArticle: Bool = false
  ) -> Entry {
    Entry(name: name, role: role, designs: [[plain(emoji)]], worn: worn, hasNoArticle: hasNoArticle)
  }

  private static func plain(_ emoji: Unicode.Scalar) -> Drawing { Drawing(scalar: emoji, head: nil) }

  private static func face(_ emoji: Unicode.Scalar) -> Drawing {
    Drawing(scalar: emoji, head: Head(x: 0.5, top: 0.06, width: 0.92, isFace: true))
  }

  /// A head that looks to the side.
  private static func head(_ emoji: Unicode.Scalar, _ x: Float, _ top: Float, _ width: Float) -> Drawing {
    Drawing(scalar: emoji, head: Head(x: x, top: top, width: width, isFace: false))
  }

  /// A whole body, with its head at the given position.
  private static func body(_ emoji: Unicode.Scalar, _ x: Float, _ top: Float, _ width: Float) -> Drawing {
    head(emoji, x, top, width)
  }
}
