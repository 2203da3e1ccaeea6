import Phrases

extension TrainingSample {
  /// What captions call a subject whose kind they don't name.
  public static let genericName = "thing"

  /// The same sample with some subjects called "a thing" in place of "a dog": words say that something is there, and only
  /// its reference what.
  ///
  /// A subject keeps its name where its phrase has no article, where others have the same phrase, so that it would be open
  /// which of them is meant, or where phrases would no longer be found at their subjects.
  /// - Parameter isUnnamed: whether a subject is one of them, by its index; called once for each, in order.
  public func unnaming(_ isUnnamed: (Int) -> Bool) -> TrainingSample {
    var result = self
    for index in subjects.indices where isUnnamed(index) {
      guard subjects.count(where: { $0.phrase == subjects[index].phrase }) == 1,
        let renamed = result.unnamed(index)
      else { continue }
      result = renamed
    }
    return result
  }

  /// This sample with one subject's name replaced; nil where that cannot be done.
  private func unnamed(_ index: Int) -> TrainingSample? {
    let old = WordList(caption).positions(of: subjects.map(\.phrase))
    guard let range = old[index], range.lowerBound > 0 else { return nil }
    let words = caption.split(whereSeparator: \.isWhitespace)
    let (article, last) = (words[range.lowerBound - 1], words[range.upperBound - 1])
    guard article == "a" || article == "an" else { return nil }
    var result = self
    let mark = last.dropFirst(WordList.withoutMark(String(last)).count)
    result.caption.replaceSubrange(article.startIndex..<last.endIndex, with: "a \(Self.genericName)\(mark)")
    result.subjects[index].phrase = Self.genericName
    // Two words and more have become one.
    let moved = range.count - 1
    let expected = old.enumerated().map { subject, position -> Range<Int>? in
      guard subject != index else { return range.lowerBound..<range.lowerBound + 1 }
      return position.map { position in
        position.lowerBound < range.upperBound ? position : position.lowerBound - moved..<position.upperBound - moved
      }
    }
    let found = WordList(result.caption).positions(of: result.subjects.map(\.phrase))
    return found == expected ? result : nil
  }
}
