import Phrases

extension TrainingSample {
  /// The word for a subject whose kind the caption does not name.
  public static let genericName = "thing"

  /// A copy of the sample that calls some subjects "a thing" instead of, for example, "a dog": the caption mentions
  /// them, but only their references show what they are.
  ///
  /// A subject keeps its name if its phrase does not follow "a" or "an", or if another subject has the same phrase,
  /// because the caption would be ambiguous. It also keeps its name if a phrase would no longer be found at its
  /// position in the new caption.
  /// - Parameter isUnnamed: whether to rename the subject with this index; called once per subject, in order.
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

  /// A copy of the sample with one subject's name replaced; nil if the subject has to keep its name.
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
    // The phrase's words have become one, so later positions move to the left.
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
