import Analysis
import Foundation
import Phrases
import Tensors
import TestSupport
import Testing
import TrainingData

private let many = isOptimised ? 4000 : 2000

@Suite struct CaptionTests {
  @Test(arguments: Split.allCases) func everyPhraseOccursInItsCaption(split: Split) {
    for index in 0..<many {
      let plan = world.plan(index, seed: 21, split: split)
      for phrase in Set(plan.subjects.map(\.phrase)) {
        let times = plan.subjects.count { $0.phrase == phrase }
        #expect(WordList(plan.caption).occurrences(of: WordList(phrase)).count == times, "\(plan.caption): \(phrase)")
      }
    }
  }

  /// Subjects come in the order of their phrases in the caption.
  @Test func subjectsComeInTheCaptionsOrder() {
    for index in 0..<many {
      let plan = world.plan(index, seed: 22)
      var rest = plan.caption[...]
      for subject in plan.subjects {
        guard let range = rest.firstRange(of: subject.phrase) else {
          Issue.record("\(plan.caption): \(subject.phrase)")
          break
        }
        rest = rest[range.upperBound...]
      }
    }
  }

  @Test func noWordIsInTwoNames() {
    let words = world.kinds.flatMap { $0.name.split(separator: " ") }
    #expect(Set(words).count == words.count)
    let colours = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"]
    #expect(words.allSatisfy { !colours.contains(String($0)) })
    #expect(world.kinds.allSatisfy { (1...2).contains($0.name.split(separator: " ").count) })
  }

  @Test func captionsReadAsTheBenchmarksPromptsDo() {
    var found: Set<String> = []
    for index in 0..<many {
      let caption = world.plan(index, seed: 23).caption
      for part in [
        " wearing ", " in a room", " in the jungle", " in the snow", " on the beach", " on the grass",
        " on a cobblestone street", "with a beach in the background", "with snow in the background", ", ", " and ",
        "an apple", " jeans",
      ] where caption.contains(part) { found.insert(part) }
      #expect(!caption.contains("a jeans") && !caption.contains("a apple") && !caption.contains("  "))
      #expect(!caption.hasSuffix(" ") && !caption.contains(" a unicorn, an unicorn"))
    }
    #expect(found.count == 13, "\(found)")
  }

  @Test func allPublishedCombinationsOccurAsOftenAsIntended() {
    #expect(SubjectCombination.all.count { $0.isPublished } == 13)
    var seen: [String: Int] = [:]
    var counts = [0, 0, 0, 0]
    var (places, scenes) = (0, 0)
    for index in 0..<many {
      let plan = world.plan(index, seed: 24)
      seen[plan.combination.name, default: 0] += 1
      counts[plan.subjects.count - 1] += 1
      if plan.backdrop.place != nil { places += 1 }
      if plan.combination.hasScene { scenes += 1 }
    }
    #expect(SubjectCombination.all.allSatisfy { seen[$0.name, default: 0] > 0 || !isOptimised })
    for (count, fraction) in zip(counts, [0.25, 0.45, 0.2, 0.1]) {
      #expect(abs(Double(count) / Double(many) - fraction) < 0.05)
    }
    #expect((0.8...0.95).contains(Double(places) / Double(many)))
    #expect((0.05...0.12).contains(Double(scenes) / Double(many)))
  }

  @Test func twoOfOneKindDifferInLook() {
    var twins = 0
    for index in 0..<many {
      let subjects = world.plan(index, seed: 25, subjects: 2...2).subjects
      guard subjects[0].phrase == subjects[1].phrase else { continue }
      twins += 1
      #expect(subjects[0].identity.hue != subjects[1].identity.hue)
    }
    #expect(twins > 0)
  }

  @Test func unnamedSubjectsAreThings() {
    let empty = Tensor.zeros([1])
    let subjects = ["carrot", "car", "apple", "jeans"].map {
      TrainingSubject(phrase: $0, box: .whole, silhouette: empty, reference: empty)
    }
    let sample = TrainingSample(caption: "a carrot, a car, an apple and jeans", image: empty, subjects: subjects)
    let other = sample.unnaming { $0 > 0 }
    #expect(other.caption == "a carrot, a thing, a thing and jeans")
    #expect(other.subjects.map(\.phrase) == ["carrot", "thing", "thing", "jeans"])
    #expect(sample.unnaming { $0 == 0 }.caption == "a thing, a car, an apple and jeans")
  }

  /// Unnamed subjects are found in the caption at the positions of their names.
  @Test func unnamedSubjectsAreFoundInTheirOrder() {
    let empty = Tensor.zeros([1])
    func sample(_ caption: String, _ phrases: String...) -> TrainingSample {
      TrainingSample(
        caption: caption, image: empty,
        subjects: phrases.map { TrainingSubject(phrase: $0, box: .whole, silhouette: empty, reference: empty) })
    }
    func both(_ caption: String, _ phrases: String...) -> TrainingSample {
      sample(caption, phrases[0], phrases[1]).unnaming { _ in true }
    }
    #expect(both("a dog, a cat.", "dog", "cat").caption == "a thing, a thing.")
    #expect(both("a tennis racket, a cat", "tennis racket", "cat").caption == "a thing, a thing")
    // Unnaming both would exchange the two subjects.
    let swapped = both("a dog and a cat", "cat", "dog")
    #expect(swapped.caption == "a dog and a thing" && swapped.subjects.map(\.phrase) == ["thing", "dog"])
    // Another thing comes first in the caption.
    #expect(both("a thing by a dog on a mat", "dog", "mat").caption == "a thing by a dog on a mat")
    // A hyphenated word is replaced as a whole. A name that does not directly follow an article stays.
    #expect(both("a dog-sled and a red car", "sled", "car").caption == "a thing and a red car")
    // If one phrase is part of the other, neither is replaced.
    #expect(both("a dog house", "dog", "dog house").caption == "a dog house")
  }

  /// In drawn captions the article and the name are replaced, and nothing else.
  @Test func unnamedSubjectsOfDrawnScenes() {
    let empty = Tensor.zeros([1])
    var unnamed = 0
    for index in 0..<many {
      let plan = world.plan(index, seed: 27)
      let sample = TrainingSample(
        caption: plan.caption, image: empty,
        subjects: plan.subjects.map {
          TrainingSubject(phrase: $0.phrase, box: .whole, silhouette: empty, reference: empty)
        })
      var expected = plan.caption
      for phrase in plan.subjects.map(\.phrase) where plan.subjects.count(where: { $0.phrase == phrase }) == 1 {
        for article in ["an ", "a "] {
          guard
            let range = expected.ranges(of: article + phrase).first(where: { range in
              expected[range.upperBound...].first.map { !$0.isLetter } ?? true
            })
          else { continue }
          expected.replaceSubrange(range, with: "a thing")
          unnamed += 1
          break
        }
      }
      #expect(sample.unnaming { _ in true }.caption == expected)
    }
    #expect(unnamed > many)
  }

  @Test func everyWordOfACaptionIsListed() {
    let words = world.words
    for index in 0..<many {
      let caption = world.plan(index, seed: 26, split: Split.allCases[index % 3]).caption
      for word in caption.split(separator: " ") {
        #expect(words.contains(word.trimmingCharacters(in: [","])), "\(caption)")
      }
    }
  }
}
